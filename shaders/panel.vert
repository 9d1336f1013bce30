#version 330 core
// What ImGui draws: positions in pixels from the top left of the window.
uniform vec2 window;
in vec2 position;
in vec2 at;
in vec4 tint;
out vec2 uv;
out vec4 ink;

void main() {
    uv = at;
    ink = tint;
    gl_Position = vec4(position / window * vec2(2.0, -2.0) + vec2(-1.0, 1.0), 0.0, 1.0);
}
