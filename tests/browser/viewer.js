// What viewers do with the files of a catalog, one function for each; tests call them from outside.
import { addProtocol, Map as MapView } from "maplibre-gl";
import { PMTiles, Protocol } from "pmtiles";

const protocol = new Protocol();
addProtocol("pmtiles", protocol.tile);
const archives = new Map();

function archive(url) {
  if (!archives.has(url)) {
    archives.set(url, new PMTiles(url));
  }
  return archives.get(url);
}

function plain(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}

async function text(url) {
  return (await fetch(url)).text();
}

async function header(url) {
  const found = await archive(url).getHeader();
  return { tileType: found.tileType, maxZoom: found.maxZoom, etag: found.etag };
}

async function tile(url) {
  return plain((await archive(url).getZxy(0, 0, 0)).data);
}

async function packed(url) {
  const bytes = await (await fetch(url)).arrayBuffer();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return { raw: plain(bytes), text: await new Response(stream).text() };
}

// The colour in the middle of the map, and the number of features drawn.
async function draw(url, vector) {
  const address = `pmtiles://${url}`;
  const source = vector ? { type: "vector", url: address } : { type: "raster", url: address, tileSize: 256 };
  const layer = vector
    ? { id: "layer", type: "fill", source: "data", "source-layer": "cells", paint: { "fill-color": "#ff0000" } }
    : { id: "layer", type: "raster", source: "data" };
  const map = new MapView({
    container: "map",
    style: { version: 8, sources: { data: source }, layers: [layer] },
    center: [0, 0],
    zoom: 0,
    fadeDuration: 0,
    attributionControl: false,
    canvasContextAttributes: { preserveDrawingBuffer: true },
  });
  await new Promise((done, fail) => {
    map.once("idle", done);
    map.once("error", (event) => fail(event.error));
  });
  const context = map.getCanvas().getContext("webgl2");
  const pixel = new Uint8Array(4);
  const middle = [context.drawingBufferWidth / 2, context.drawingBufferHeight / 2].map(Math.floor);
  context.readPixels(...middle, 1, 1, context.RGBA, context.UNSIGNED_BYTE, pixel);
  const features = vector ? map.queryRenderedFeatures().length : 0;
  map.remove();
  return { pixel: [...pixel], features };
}

Object.assign(window, { text, header, tile, packed, draw, ready: true });
