/* Points in WebGL: places and colour classes are uploaded once; each frame draws a part of them. */

import { PlainPainter } from "./plain_painter.js";

const VERTEX = `
attribute vec2 place; attribute float kind;
uniform vec2 scale, shift; uniform float size;
varying float shade;
void main() {
  gl_Position = vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
  shade = kind;
}`;
const FRAGMENT = `
precision mediump float;
uniform sampler2D palette; uniform float alpha;
varying float shade;
void main() {
  vec2 from = gl_PointCoord - 0.5;
  if (dot(from, from) > 0.25) discard;
  vec4 colour = texture2D(palette, vec2((shade + 0.5) / 256.0, 0.5));
  if (colour.a < 0.5) discard; // a hidden class
  gl_FragColor = vec4(colour.rgb * alpha, alpha);
}`;
const PLACE = 0; // attributes
const KIND = 1;

/** The painter of a canvas: a plain one if the browser has no WebGL. */
export function painterOf(canvas) {
  const gl = canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true });
  return gl ? new Painter(gl) : new PlainPainter(canvas.getContext("2d"));
}

class Painter {
  constructor(gl) {
    this.gl = gl;
    const program = compiled(gl);
    this.uniform = Object.fromEntries(["scale", "shift", "size", "alpha"].map(
      (name) => [name, gl.getUniformLocation(program, name)]));
    this.places = gl.createBuffer();
    this.kinds = gl.createBuffer();
    this.rows = gl.createBuffer();
    gl.getExtension("OES_element_index_uint"); // every browser with WebGL has it
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const [name, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.NEAREST], [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ]) gl.texParameteri(gl.TEXTURE_2D, name, value);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** Upload places, uint16 pairs. */
  takePoints(points) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.places);
    gl.bufferData(gl.ARRAY_BUFFER, points, gl.STATIC_DRAW);
    gl.vertexAttribPointer(PLACE, 2, gl.UNSIGNED_SHORT, true, 4, 0);
    gl.enableVertexAttribArray(PLACE);
  }

  /** Upload the colour class of each point, one byte. */
  takeKinds(kinds) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.kinds);
    gl.bufferData(gl.ARRAY_BUFFER, kinds, gl.STATIC_DRAW);
    gl.vertexAttribPointer(KIND, 1, gl.UNSIGNED_BYTE, false, 1, 0);
    gl.enableVertexAttribArray(KIND);
  }

  /** Upload the classes' colours; those of `hidden` classes are not drawn. */
  takePalette(palette, hidden) {
    const { gl } = this;
    const texels = new Uint8Array(256 * 4).fill(255);
    palette.forEach((hex, i) => texels.set([...rgb(hex), hidden.has(i) ? 0 : 255], i * 4));
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, texels);
  }

  /** Start a frame. */
  begin(viewport) {
    const { gl } = this;
    const { scale, shift } = viewport.clip;
    gl.viewport(0, 0, viewport.width, viewport.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.uniform.scale, ...scale);
    gl.uniform2f(this.uniform.shift, ...shift);
  }

  /** Draw `count` points, those of `rows` or the first ones; `size` is in canvas pixels. */
  draw({ count, rows }, size, alpha) {
    const { gl } = this;
    gl.uniform1f(this.uniform.size, size);
    gl.uniform1f(this.uniform.alpha, alpha);
    if (!rows) {
      gl.drawArrays(gl.POINTS, 0, count);
      return;
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.rows);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, rows, gl.DYNAMIC_DRAW);
    gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 0);
  }
}

function compiled(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, PLACE, "place");
  gl.bindAttribLocation(program, KIND, "kind");
  gl.linkProgram(program);
  gl.useProgram(program);
  return program;
}

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}
