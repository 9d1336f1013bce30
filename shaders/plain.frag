#version 330 core
// First pass over the target: finishes the pixels that lie within one surface of opaque land, which are most of them, and writes
// the class of every other pixel into the depth buffer. The depth test then spares the later passes all that is done.
#include "view.glsl"
#include "lookup.glsl"
#include "keyframes.glsl"
uniform sampler2D newer;
uniform sampler2D older;
in vec2 uv;
out vec4 colour;

float kind_of(Quad q) {
    bool whole = all(greaterThan(alike(q, q.nearest), vec4(0.5)));
    if (!whole || q.keyframe[q.nearest] < 0) return MIXED;
    return q.disparity[q.nearest] == 0.0 ? SKY : PLAIN;
}

vec4 plain(Quad q) {
    return texel(max(q.keyframe[q.nearest], 0), uv, dot(q.weight, q.disparity), q.slope);
}

void main() {
    Quad q = quad(newer, uv);
    float kind = kind_of(q);
    vec4 seen = plain(q);
#if LAYERS == 2
    Quad old = quad(older, uv);
    kind = kind_of(old) == kind ? kind : MIXED;
    seen = mix(plain(old), seen, target.z);
#endif
    if (kind == PLAIN && seen.a > 0.001) kind = MIXED;
    gl_FragDepth = kind;
    colour = vec4(seen.rgb, 1.0);
}
