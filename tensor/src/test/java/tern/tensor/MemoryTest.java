package tern.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;

class MemoryTest {
    @Test
    void copiesOfTensorsHoldTheSameBytesApartFromTheirSources() {
        try (Memory memory = new Memory(); Memory other = new Memory()) {
            Tensor plain = memory.zeros(DType.F32, 3, 5), halves = memory.zeros(DType.BF16, 7);
            Tensor blocks = memory.zeros(DType.Q8_0, 2, 64), none = memory.zeros(DType.F32, 0);
            Tensor large = memory.zeros(DType.I8, 5 << 20);
            for (int i = 0; i < 15; i++) {
                plain.set(i, i + 0.5);
            }
            halves.set(6, 3);
            blocks.copyFrom(memory.zeros(DType.F32, 2, 64).fill(2));
            large.set((5 << 20) - 1, 9);
            List<Tensor> sources = List.of(plain, halves, none, blocks, large);
            List<Tensor> copies = other.copiesOf(sources);
            assertThat(copies).hasSize(5);
            for (int i = 0; i < 5; i++) {
                Tensor source = sources.get(i), copy = copies.get(i);
                assertThat(copy.dtype()).isEqualTo(source.dtype());
                assertThat(copy.shape()).isEqualTo(source.shape());
                assertThat(copy.data().mismatch(source.data())).as("%s", source).isEqualTo(-1);
                assertThat(copy.data().address() % 64).as("%s", source).isZero();
            }
            plain.fill(0);
            assertThat(copies.getFirst().get(14)).isEqualTo(14.5);
            assertThat(other.bytes()).isGreaterThanOrEqualTo(sources.stream().mapToLong(Tensor::bytes).sum());
        }
    }

    @Test
    void closingTwiceDoesNothingAndWhatWasClosedIsNotRead() throws Exception {
        for (AutoCloseable owner : List.of(new Memory(), new Workspace(), new Pool())) {
            Tensor tensor = ((Allocator) owner).allocate(DType.F32, Shape.of(5));
            owner.close();
            owner.close();
            assertThatIllegalStateException().isThrownBy(() -> tensor.get(0));
        }
    }

    @Test
    void hugePagesAreOfferedUnlessTheSystemSaysNever() throws IOException {
        Path setting = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
        boolean allowed = Files.exists(setting) && !Files.readString(setting).contains("[never]");
        assertThat(Memory.offersHugePages()).isEqualTo(allowed);
    }
}
