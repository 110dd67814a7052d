/**
 * A MapLibre layer that draws the whole fleet in one call. Shapes are distance
 * fields in the fragment shader, so they are crisp at any pixel ratio and need no
 * image. The map here never tilts or turns, so a position is an offset and a scale.
 */
import type { CustomLayerInterface, Map as MapLibre } from "maplibre-gl";
import { type Fleet, floatsPerUnit } from "./fleet.ts";
import { fromMercator } from "./mercator.ts";
import { linkProgram } from "./program.ts";

const vertex = `#version 300 es
precision highp float;
layout(location=0) in vec4 path;   // from, to: Mercator, counted from the origin
layout(location=1) in vec2 timing; // start, duration: seconds
layout(location=2) in vec3 form;   // shape, size, heading
layout(location=3) in vec3 tint;
uniform vec2 origin;   // where the origin lies on the screen, pixels
uniform float scale;   // pixels to the unit of Mercator
uniform vec2 screen;   // pixels
uniform float ratio;
uniform float now;
uniform float zoomSize;
flat out vec3 fForm;
flat out vec3 fTint;
flat out float fPad; // around the shape
void main() {
  float f = timing.y <= 0.0 ? 1.0 : clamp((now - timing.x) / timing.y, 0.0, 1.0);
  vec2 px = origin + mix(path.xy, path.zw, f) * scale;
  gl_Position = vec4(px.x / screen.x * 2.0 - 1.0, 1.0 - px.y / screen.y * 2.0, 0.0, 1.0);
  float kind = mod(form.x, 32.0);
  float size = kind < 7.5 ? form.y * zoomSize : form.y;
  fPad = form.x > 31.5 ? 16.0 : 6.0; // brackets stand around what is played
  gl_PointSize = (size + fPad) * ratio;
  fForm = vec3(kind, size, form.z);
  fTint = tint;
}`;

const fragment = `#version 300 es
precision highp float;
flat in vec3 fForm;
flat in vec3 fTint;
flat in float fPad;
uniform float ratio;
uniform float beat; // 0..1 of the pulse, 1 at rest
out vec4 ink;
const vec3 dark = vec3(0.030, 0.050, 0.086);
const vec3 bracket = vec3(0.910, 0.933, 0.973);
const vec3 night = vec3(0.110, 0.051, 0.008);
float box(vec2 p, vec2 b) { vec2 q = abs(p) - b; return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0); }
float cover(float d) { return clamp(0.5 - d * ratio, 0.0, 1.0); }
vec4 over(vec4 top, vec4 under) { return top + under * (1.0 - top.a); }
vec4 paint(vec3 c, float a) { return vec4(c * a, a); }
// A notched arrow of radius r, its point up.
float arrow(vec2 p, float r) {
  p.x = abs(p.x);
  vec2 n = normalize(vec2(1.75, 0.78));
  float side = dot(p - vec2(0.0, -r), vec2(n.x, -n.y));
  vec2 m = normalize(vec2(-0.55, 1.0));
  float notch = dot(p - vec2(0.0, r * 0.42), m);
  return max(side, notch);
}
void main() {
  float size = fForm.y;
  float r = size * 0.5;
  vec2 p = (gl_PointCoord - 0.5) * (size + fPad);
  float c = cos(fForm.z), s = sin(fForm.z);
  vec2 q = vec2(c * p.x + s * p.y, -s * p.x + c * p.y); // turned so that the heading is up
  int kind = int(fForm.x + 0.5);
  vec4 o = vec4(0.0);
  if (kind == 0) {
    float d = length(p) - r + 1.5;
    o = over(paint(fTint, cover(d)), paint(dark, cover(d - 1.8) * 0.85));
  } else if (kind == 1) {
    float d = arrow(q, r - 0.5);
    o = over(paint(fTint, cover(d)), paint(dark, cover(d - 1.6) * 0.9));
  } else if (kind == 2) {
    float d = box(p, vec2(r - 1.5));
    o = over(paint(fTint, cover(d)), paint(dark, cover(d - 1.8) * 0.85));
  } else if (kind == 3) {
    float d = abs(length(p) - r + 2.0) - 0.9;
    float dash = step(0.42, fract(atan(p.y, p.x) / 6.2831853 * 8.0 + 0.21));
    o = over(paint(fTint, cover(d) * dash), paint(dark, cover(length(p) - r + 1.0) * 0.55));
  } else if (kind == 4 || kind == 5) {
    float d = (abs(p.x) + abs(p.y) - r) * 0.7071;
    vec2 m = kind == 5 ? vec2(abs(p.x) - r * 0.17, p.y) : p;
    float bar = box(m - vec2(0.0, -r * 0.13), vec2(max(0.9, r * 0.075), r * 0.25));
    float dot_ = length(m - vec2(0.0, r * 0.33)) - max(1.0, r * 0.105);
    vec3 mark = kind == 5 ? vec3(1.0) : night;
    o = over(paint(mark, cover(min(bar, dot_))), over(paint(fTint, cover(d)), paint(dark, cover(d - 1.6) * 0.9)));
  } else if (kind == 6) {
    float w = r * 0.52;
    vec2 k = vec2(q.x, max(0.0, abs(q.y) - (r - 1.5 - w)));
    float d = length(k) - w;
    float rim = abs(d + 0.9) - 0.9;
    float a = arrow(q - vec2(0.0, 0.4), w * 0.62);
    o = over(paint(fTint, max(cover(rim), cover(a))), paint(dark, cover(d - 1.4) * 0.92));
  } else if (kind == 7) {
    float d = (abs(p.x) + abs(p.y) - r) * 0.7071;
    o = over(paint(fTint, cover(abs(d + 0.8) - 0.7)), paint(dark, cover(d) * 0.5));
  } else if (kind == 8) {
    float d = abs(length(p) - r + 1.5) - 1.1;
    o = over(paint(vec3(1.0), cover(d)), paint(dark, cover(d - 1.2) * 0.6));
  } else {
    float grow = mix(0.45, 1.0, beat);
    float d = length(p) - (r - 1.0) * grow;
    o = over(paint(fTint, cover(abs(d) - 0.9) * 0.95), paint(fTint, cover(d) * 0.16));
  }
  if (fPad > 6.5) {
    float h = max(r, 6.0) + 3.0;
    float corner = step(h * 0.45, min(abs(p.x), abs(p.y)));
    float d = abs(box(p, vec2(h))) - 0.8;
    o = over(o, over(paint(bracket, cover(d) * corner), paint(dark, cover(d - 1.0) * corner * 0.6)));
  }
  if (o.a < 0.004) discard;
  ink = o;
}`;

export const pulseMs = 700;

export class UnitLayer implements CustomLayerInterface {
  readonly id = "units";
  readonly type = "custom" as const;
  readonly renderingMode = "2d" as const;
  #fleet: Fleet;
  #map!: MapLibre;
  #program: WebGLProgram | null = null;
  #buffer: WebGLBuffer | null = null;
  #vao: WebGLVertexArrayObject | null = null;
  #at: Record<string, WebGLUniformLocation | null> = {};
  #count = 0;
  #revision = -1;
  #packedMs = 0;
  /** When the last selection was made; its ring grows once. */
  pulsedMs = Number.NEGATIVE_INFINITY;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  onAdd(map: MapLibre, gl: WebGL2RenderingContext): void {
    this.#map = map;
    const program = linkProgram(gl, "unit", vertex, fragment);
    if (!program) return;
    this.#program = program;
    for (const name of ["origin", "scale", "screen", "ratio", "now", "beat", "zoomSize"])
      this.#at[name] = gl.getUniformLocation(program, name);
    this.#buffer = gl.createBuffer();
    this.#vao = gl.createVertexArray();
    gl.bindVertexArray(this.#vao);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    let offset = 0;
    for (const [location, floats] of [4, 2, 3, 3].entries()) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, floats, gl.FLOAT, false, floatsPerUnit * 4, offset);
      offset += floats * 4;
    }
    gl.bindVertexArray(null);
    this.#revision = -1;
  }

  onRemove(_map: MapLibre, gl: WebGL2RenderingContext): void {
    gl.deleteProgram(this.#program);
    gl.deleteBuffer(this.#buffer);
    gl.deleteVertexArray(this.#vao);
    this.#program = null;
  }

  render(gl: WebGL2RenderingContext): void {
    const origin = this.#fleet.origin;
    if (!this.#program || !origin) return;
    const nowMs = performance.now();
    gl.bindVertexArray(this.#vao);
    if (this.#revision !== this.#fleet.revision) {
      const packed = this.#fleet.pack(nowMs);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
      gl.bufferData(gl.ARRAY_BUFFER, packed, gl.DYNAMIC_DRAW);
      this.#count = packed.length / floatsPerUnit;
      this.#revision = this.#fleet.revision;
      this.#packedMs = nowMs;
    }
    const map = this.#map;
    const { lon, lat } = fromMercator(origin);
    const at = map.project([lon, lat]);
    const { clientWidth: width, clientHeight: height } = map.getCanvas();
    const zoom = map.getZoom();
    gl.useProgram(this.#program);
    gl.uniform2f(this.#at.origin ?? null, at.x, at.y);
    gl.uniform1f(this.#at.scale ?? null, 512 * 2 ** zoom);
    gl.uniform2f(this.#at.screen ?? null, width, height);
    gl.uniform1f(this.#at.ratio ?? null, map.getPixelRatio());
    gl.uniform1f(this.#at.now ?? null, (nowMs - this.#packedMs) / 1000);
    gl.uniform1f(this.#at.beat ?? null, Math.min(1, (nowMs - this.pulsedMs) / pulseMs));
    gl.uniform1f(this.#at.zoomSize ?? null, Math.min(1.25, Math.max(0.62, 0.62 + (zoom - 10.5) * 0.16)));
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.STENCIL_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.drawArrays(gl.POINTS, 0, this.#count);
    gl.bindVertexArray(null);
  }
}
