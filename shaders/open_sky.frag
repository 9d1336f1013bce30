#version 330 core
// Second pass: pixels that are sky and nothing else.
#include "view.glsl"
#include "sky.glsl"
#include "lookup.glsl"
#include "keyframes.glsl"
uniform sampler2D newer;
in vec2 uv;
out vec4 colour;

void main() {
    vec3 sky = sky_colour((world_from_target * vec4(uv, 1.0, 0.0)).xyz);
#if AT_HOME
    int k = max(keyframe_at(0, nearest_texel(newer, uv).w), 0);
    vec2 place;
    sky = mix(sky, texel_at(k, uv, 0.0, place).rgb, home[k]);
#endif
    colour = vec4(sky, 1.0);
}
