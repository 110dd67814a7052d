/** How fast this machine may repaint: software renderers must not starve the page. */
export type Renderer = { name: string; software: boolean; frameMs: number };

export function rendererOf(canvas: HTMLCanvasElement | OffscreenCanvas = document.createElement("canvas")): Renderer | null {
  const gl = canvas.getContext("webgl2") as WebGL2RenderingContext | null;
  if (!gl) return null;
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER) ?? "");
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return pace(name);
}

export function pace(name: string): Renderer {
  const software = /swiftshader|llvmpipe|software|basic render/i.test(name);
  return { name, software, frameMs: software ? 300 : 40 };
}
