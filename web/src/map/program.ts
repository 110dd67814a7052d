/**
 * Links a pair of shaders for a layer that draws with the graphics card itself. Undefined
 * where the card was taken away meanwhile, which MapLibre tells the page; throws what the
 * compiler says of a shader that is wrong.
 */
export function linkProgram(gl: WebGL2RenderingContext, layer: string, vertex: string, fragment: string): WebGLProgram | undefined {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(kind);
    if (!shader) return undefined;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) throw new Error(`${layer} layer: ${gl.getShaderInfoLog(shader)}`);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return program;
}
