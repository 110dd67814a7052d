/**
 * A MapLibre layer of the marks that say how many patrols a cell holds. The marks are
 * drawn once with a pen into one picture, and from there by the graphics card; they
 * change in the very frame in which dots come or go, which a source of features, laid
 * out by a worker, does not.
 */
import type { CustomLayerInterface, Map as MapLibre } from "maplibre-gl";
import { type CountMark, drawCount, markPx, type Obstacle, placeOf, radiusOf, sumOf } from "./countmark.ts";
import { fromMercator, type XY } from "./mercator.ts";
import { linkProgram } from "./program.ts";

const vertex = `#version 300 es
precision highp float;
layout(location=0) in vec2 place; // Mercator, counted from the origin
layout(location=1) in vec2 tile;  // of the picture, counted in tiles
uniform vec2 origin;
uniform float scale;
uniform vec2 screen;
uniform float size;
out vec2 fTile;
void main() {
  vec2 px = floor(origin + place * scale) + mod(size, 2.0) * 0.5; // letters are sharp on whole pixels
  gl_Position = vec4(px.x / screen.x * 2.0 - 1.0, 1.0 - px.y / screen.y * 2.0, 0.0, 1.0);
  gl_PointSize = size;
  fTile = tile;
}`;

const fragment = `#version 300 es
precision highp float;
in vec2 fTile;
uniform sampler2D picture;
uniform vec2 tiles; // in the picture
uniform float grey;
out vec4 ink;
void main() {
  vec4 c = texture(picture, (fTile + gl_PointCoord) / tiles);
  if (c.a < 0.004) discard;
  float l = dot(c.rgb, vec3(0.299, 0.587, 0.114));
  ink = vec4(mix(c.rgb, vec3(l), grey), c.a);
}`;

/** As many as are drawn; the largest cells are a few dozen to a screen. */
const mostMarks = 400;
const columns = 16;

export class CountLayer implements CustomLayerInterface {
  readonly id = "counts";
  readonly type = "custom" as const;
  readonly renderingMode = "2d" as const;
  /** What is shown is known to be old. */
  grey = false;
  #scale: number;
  #map!: MapLibre;
  #marks: (CountMark & { at: XY; drawn: string })[] = [];
  #picture: HTMLCanvasElement | null = null;
  #drawn: string[] = []; // by tile
  #changed = true;
  #program: WebGLProgram | null = null;
  #buffer: WebGLBuffer | null = null;
  #texture: WebGLTexture | null = null;
  #vao: WebGLVertexArrayObject | null = null;
  #uniform: Record<string, WebGLUniformLocation | null> = {};

  /** scale: 1.25 on a wall, whose letters are that much larger. */
  constructor(scale: number) {
    this.#scale = scale;
  }

  get marks(): readonly CountMark[] {
    return this.#marks;
  }

  /** The largest go on top: there is most to see. Cases are drawn above all of them. */
  set(marks: Iterable<CountMark>, cases: readonly XY[], zoom: number): void {
    const others: Obstacle[] = [...cases];
    this.#marks = [...marks]
      .sort((a, b) => sumOf(b.counts) - sumOf(a.counts) || (a.cell < b.cell ? 1 : -1))
      .slice(0, mostMarks)
      .map((m) => {
        const at = placeOf(m, others, 512 * 2 ** zoom, this.#scale);
        others.push({ ...at, px: radiusOf(sumOf(m.counts)) * this.#scale });
        return { ...m, at, drawn: m.counts.join() };
      })
      .reverse();
    this.#changed = true;
  }

  /** Cases have come or gone, or another zoom is shown. */
  replace(cases: readonly XY[], zoom: number): void {
    if (this.#marks.length > 0) this.set(this.#marks, cases, zoom);
  }

  /** The mark under a point of the screen; at(xy) projects to the screen. */
  hit(at: (p: XY) => XY, screen: XY): CountMark | undefined {
    for (let i = this.#marks.length - 1; i >= 0; i--) {
      const m = this.#marks[i];
      if (!m) continue;
      const p = at(m.at);
      if (Math.hypot(p.x - screen.x, p.y - screen.y) <= radiusOf(sumOf(m.counts)) * this.#scale + 2) return m;
    }
    return undefined;
  }

  onAdd(map: MapLibre, gl: WebGL2RenderingContext): void {
    this.#map = map;
    const program = linkProgram(gl, "count", vertex, fragment);
    if (!program) return;
    this.#program = program;
    for (const name of ["origin", "scale", "screen", "size", "picture", "tiles", "grey"]) this.#uniform[name] = gl.getUniformLocation(program, name);
    this.#buffer = gl.createBuffer();
    this.#texture = gl.createTexture();
    this.#vao = gl.createVertexArray();
    gl.bindVertexArray(this.#vao);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    for (const location of [0, 1]) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, 2, gl.FLOAT, false, 16, 8 * location);
    }
    gl.bindVertexArray(null);
    this.#picture = null;
    this.#changed = true;
  }

  onRemove(_map: MapLibre, gl: WebGL2RenderingContext): void {
    gl.deleteProgram(this.#program);
    gl.deleteBuffer(this.#buffer);
    gl.deleteTexture(this.#texture);
    gl.deleteVertexArray(this.#vao);
    this.#program = null;
  }

  render(gl: WebGL2RenderingContext): void {
    const first = this.#marks[0];
    if (!this.#program || !first) return;
    const map = this.#map;
    const size = Math.round(markPx * this.#scale * map.getPixelRatio());
    gl.bindVertexArray(this.#vao);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    if (this.#changed || this.#picture?.width !== columns * size) this.#upload(gl, size);
    const { lon, lat } = fromMercator(first.at);
    const o = map.project([lon, lat]);
    const ratio = map.getPixelRatio();
    const canvas = map.getCanvas();
    gl.useProgram(this.#program);
    gl.uniform2f(this.#uniform.origin ?? null, o.x * ratio, o.y * ratio);
    gl.uniform1f(this.#uniform.scale ?? null, 512 * 2 ** map.getZoom() * ratio);
    gl.uniform2f(this.#uniform.screen ?? null, canvas.width, canvas.height);
    gl.uniform1f(this.#uniform.size ?? null, size);
    gl.uniform1i(this.#uniform.picture ?? null, 0);
    gl.uniform2f(this.#uniform.tiles ?? null, columns, (this.#picture?.height ?? size) / size);
    gl.uniform1f(this.#uniform.grey ?? null, this.grey ? 1 : 0);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.STENCIL_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.drawArrays(gl.POINTS, 0, this.#marks.length);
    gl.bindVertexArray(null);
  }

  /** Draws what is another than before into the picture, and hands both to the graphics card. */
  #upload(gl: WebGL2RenderingContext, size: number): void {
    this.#changed = false;
    const rows = Math.max(1, Math.ceil(this.#marks.length / columns));
    let picture = this.#picture;
    if (!picture || picture.width !== columns * size || picture.height < rows * size) {
      picture = document.createElement("canvas");
      picture.width = columns * size;
      picture.height = rows * size;
      this.#picture = picture;
      this.#drawn = [];
    }
    const pen = picture.getContext("2d", { willReadFrequently: false });
    const origin = this.#marks[0]?.at;
    if (!pen || !origin) return;
    const out = new Float32Array(this.#marks.length * 4);
    this.#marks.forEach((m, i) => {
      const column = i % columns;
      const row = Math.floor(i / columns);
      out.set([m.at.x - origin.x, m.at.y - origin.y, column, row], 4 * i);
      if (this.#drawn[i] === m.drawn) return;
      this.#drawn[i] = m.drawn;
      pen.clearRect(column * size, row * size, size, size);
      pen.save();
      pen.translate((column + 0.5) * size, (row + 0.5) * size);
      pen.scale(size / markPx, size / markPx);
      drawCount(pen, m.counts);
      pen.restore();
    });
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    gl.bufferData(gl.ARRAY_BUFFER, out, gl.DYNAMIC_DRAW);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }
}
