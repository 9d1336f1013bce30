#version 330 core
// One level down: each pixel trusts its own evidence against the coarser level's, which counts as much as one near neighbour.
uniform sampler2D own;
uniform sampler2D coarser;
uniform float prior;
in vec2 uv;
out vec4 filled;

void main() {
    vec4 evidence = texelFetch(own, ivec2(gl_FragCoord.xy), 0);
    vec3 guess = textureLod(coarser, vec2(uv.x, 1.0 - uv.y), 0.0).rgb;
    filled = vec4((evidence.rgb + prior * guess) / max(evidence.a + prior, 1e-6), 1.0);
}
