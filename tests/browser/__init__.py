"""What was published, opened by a browser: Chromium, pmtiles.js and MapLibre GL as viewers have them."""
