package tern.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;

import org.junit.jupiter.api.Test;

class MemoryTest {
    @Test
    void closingTwiceDoesNothingAndWhatWasClosedIsNotRead() throws Exception {
        for (AutoCloseable owner : List.of(new Memory(), new Workspace(), new Pool())) {
            Tensor tensor = ((Allocator) owner).allocate(DType.F32, Shape.of(5));
            owner.close();
            owner.close();
            assertThatIllegalStateException().isThrownBy(() -> tensor.get(0));
        }
    }
}
