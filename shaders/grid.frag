#version 330 core
// Land as the keyframe shows it.
uniform sampler2D photo;
in vec2 uv;
out vec4 colour;

void main() {
    colour = vec4(texture(photo, uv).rgb, 1.0);
}
