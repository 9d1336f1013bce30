#version 330 core
// Last pass: the pixels on silhouettes, soft skylines and holes. Each texel group of the lookup is shaded on its own and the two
// largest are mixed by coverage, so that edges are smooth and no colour bleeds from one surface into another.
#include "view.glsl"
#include "sky.glsl"
#include "lookup.glsl"
#include "keyframes.glsl"
uniform sampler2D newer;
uniform sampler2D older;
uniform sampler2D fill;
in vec2 uv;
out vec4 colour;

vec3 shaded(int keyframe, float disparity, vec3 sky) {
    int k = max(keyframe, 0);
    vec4 seen = texel(k, uv, disparity, vec2(0.0));
    vec3 ray = (world_from_source[k] * vec4(source_uv(k, uv, disparity), 1.0, 0.0)).xyz;
    vec3 land = clamp(seen.rgb + seen.a * (sky - sky_colour(ray)), 0.0, 1.0);
    vec3 known = disparity > 0.0 ? land : mix(sky, seen.rgb, source[k].w);
    return keyframe < 0 ? textureLod(fill, uv, 0.0).rgb : known;
}

vec3 layer(sampler2D lookup, vec3 sky) {
    Quad q = quad(lookup, uv);
    vec4 first = q.weight * alike(q, q.nearest);
    vec4 rest = q.weight - first;
    float share = dot(first, vec4(1.0));
    vec3 near_colour = shaded(q.keyframe[q.nearest], dot(first, q.disparity) / share, sky);
    if (share > 0.999) return near_colour;
    int other = rest.x >= max(rest.y, max(rest.z, rest.w)) ? 0 : rest.y >= max(rest.z, rest.w) ? 1 : rest.z >= rest.w ? 2 : 3;
    vec4 second = rest * alike(q, other);
    vec3 far_colour = shaded(q.keyframe[other], dot(second, q.disparity) / dot(second, vec4(1.0)), sky);
    return mix(far_colour, near_colour, smoothstep(0.1, 0.9, share));
}

void main() {
    vec3 sky = sky_colour((world_from_target * vec4(uv, 1.0, 0.0)).xyz);
    vec3 seen = layer(newer, sky);
#if LAYERS == 2
    seen = mix(layer(older, sky), seen, target.z);
#endif
    colour = vec4(seen, 1.0);
}
