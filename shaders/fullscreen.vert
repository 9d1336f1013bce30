#version 330 core
// One triangle over the whole target; uv has its origin at the top left, as everywhere in the program.
uniform float depth = 0.0;
out vec2 uv;

void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    uv = vec2(corner.x, 1.0 - corner.y);
    gl_Position = vec4(corner * 2.0 - 1.0, depth * 2.0 - 1.0, 1.0);
}
