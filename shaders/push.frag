#version 330 core
// One level down: each pixel trusts its own evidence against the coarser level's, which counts as much as one near neighbour. Alpha
// is how far the result can be trusted: 1 beside what is known, less in the depths of a hole, where the sky dome is the better guess.
uniform sampler2D own;
uniform sampler2D coarser;
uniform float prior;
uniform float trust;  // in the coarser level
in vec2 uv;
out vec4 filled;

void main() {
    vec4 evidence = texelFetch(own, ivec2(gl_FragCoord.xy), 0);
    vec4 guess = textureLod(coarser, vec2(uv.x, 1.0 - uv.y), 0.0) * vec4(1.0, 1.0, 1.0, trust);
    float total = max(evidence.a + prior, 1e-6);
    filled = vec4(evidence.rgb + prior * guess.rgb, evidence.a + prior * guess.a) / total;
}
