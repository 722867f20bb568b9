package tern.ops;

/** How the taps of a bank of long filters [L,F] are normalised. */
public enum FilterNorm {
    /** As generated. */
    NONE,
    /** Each filter divided by the sum of its absolute taps over all L. */
    TAPS_L1,
    /** Each filter divided by the root of the sum of its squared taps over all L. */
    TAPS_L2,
    /** At each lag, divided by the sum of absolute values over the filters, as the reference code of Hyena does. */
    CHANNELS_L1
}
