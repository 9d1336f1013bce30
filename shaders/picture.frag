#version 330 core
// A picture as it is: the photo before anything else is known, debug views, the HUD.
uniform sampler2D picture;
uniform vec4 part;  // corner and size of the part of the picture that covers the viewport
in vec2 uv;
out vec4 colour;

void main() {
    colour = texture(picture, part.xy + uv * part.zw);
}
