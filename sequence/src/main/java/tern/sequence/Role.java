package tern.sequence;

/** What a parameter is for, which decides how an optimiser treats it. */
public enum Role {
    /** A projection or embedding: trained, with weight decay. */
    MATRIX,
    /** A gain or bias: trained, without weight decay. */
    VECTOR,
    /** Part of a filter or a recurrence (poles, residues, filter networks, decays): trained, without weight decay. */
    FILTER,
    /**
     * One half of a linear map of low rank that numbers of a recurrence are made with: trained, without weight decay; as far as
     * storing goes a matrix.
     */
    LOW_RANK,
    /** A constant that travels with the checkpoint; never trained. */
    BUFFER
}
