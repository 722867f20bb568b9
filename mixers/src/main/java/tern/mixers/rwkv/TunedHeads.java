package tern.mixers.rwkv;

import java.util.OptionalInt;

import tern.sequence.Slot;
import tern.sequence.StateLayout;

/** Which part of a state is tuned where the weights of an RWKV stand still: what the heads of RWKV-5, 6 and 7 remember. Stateless. */
public final class TunedHeads {
    private TunedHeads() {
    }

    /** The slot [H,K,V] of a branch's state; none in a branch of another kind. */
    public static OptionalInt slot(StateLayout layout) {
        boolean shifted = layout.slots().stream().anyMatch(slot -> slot.name().equals("shift"));
        for (int i = 0; shifted && i < layout.slots().size(); i++) {
            if (layout.slots().get(i) instanceof Slot.Fixed(String name, var shape) && name.equals("heads")
                    && shape.rank() == 3) {
                return OptionalInt.of(i);
            }
        }
        return OptionalInt.empty();
    }
}
