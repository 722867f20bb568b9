package tern.sequence;

/**
 * A mixer of channels, the part of a layer that follows the mixer of positions: what it reads lies at most one position back.
 * Architectures are brought to equal numbers of parameters by the inner width of these alone.
 */
public interface ChannelMixerConfig extends MixerConfig {
    /** Inner width: channels between the first product and the last. */
    int inner();
}
