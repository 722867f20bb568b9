package tern.mixers.mamba;

/**
 * What Jamba does otherwise in its Mamba (arXiv 2403.19887, section 2).
 *
 * @param normGains whether the norms of steps, B and C have gains
 */
public record MambaVariation(boolean normGains) {
}
