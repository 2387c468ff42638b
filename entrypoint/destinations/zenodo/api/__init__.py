"""HTTP to one service: InvenioRDM's own API (`records`), and Zenodo's older one where it does more (`deposit`)."""
