package tern.sequence;

import tern.ops.Ops;
import tern.tensor.Tensor;

/** What the first branch of a stack reads of any token, whenever it was read: {@link Wires#EMBEDDING} from identifiers. */
@FunctionalInterface
public interface TokenTable {
    /**
     * Rows of tokens.
     *
     * @param ids [B,T] I32; −1 stands for the position before the first, whose row is zero
     * @return [B,T,D]
     */
    Tensor rows(Ops ops, Tensor ids);
}
