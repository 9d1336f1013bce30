#version 330 core
// One level up the fill pyramid: the mean of 2x2 premultiplied pixels.
uniform sampler2D finer;
out vec4 mean;

void main() {
    ivec2 last = textureSize(finer, 0) - 1, at = ivec2(gl_FragCoord.xy) * 2;
    mean = 0.25 * (texelFetch(finer, min(at, last), 0) + texelFetch(finer, min(at + ivec2(1, 0), last), 0)
                 + texelFetch(finer, min(at + ivec2(0, 1), last), 0) + texelFetch(finer, min(at + 1, last), 0));
}
