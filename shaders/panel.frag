#version 330 core
// A tinted piece of ImGui's atlas of glyphs.
uniform sampler2D atlas;
in vec2 uv;
in vec4 ink;
out vec4 colour;

void main() {
    colour = ink * texture(atlas, uv);
}
