package tern.kernels.history;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.ops.KeysAndValues;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** Histories in every type, kept rows, attention over tiles, and turning by any speeds, each against its definition. */
class HistoryOpsTest {
    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(2);
    private final EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace);

    @AfterEach
    void release() {
        ops.close();
        team.close();
        workspace.close();
        memory.close();
    }

    // ── histories ───────────────────────────────────────────────────────────────────────────────────────────────────

    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16", "I8"})
    void whatIsAppendedIsRecalledRounded(DType type) {
        Seeds.forAll(4, (seed, random) -> {
            int numbers = Seeds.between(random, 1, 9);
            Tensor history = memory.zeros(type, 2, 12, Histories.rowLength(type, numbers));
            long[] ages = {Seeds.between(random, 0, 4), Seeds.between(random, 0, 4)};
            Tensor rows = Tensors.normal(DType.F32, random, memory, 2, 3, numbers);
            Tensor rounded = memory.copyOf(ops.stored(rows, type));
            Tensor filled = ops.append(rows, history, ages);
            for (int b = 0; b < 2; b++) {
                int age = (int) ages[b];
                Tensor back = ops.recall(filled, age, age + 3, DType.F32).slice(b, b + 1);
                Tensors.assertEqual("sequence " + b, back, rounded.slice(b, b + 1));
            }
            double bits = type == DType.F32 ? 0 : type == DType.BF16 ? 1.0 / 256 : 1.0 / 127;
            for (int row = 0; row < 6; row++) {
                double largest = 0;
                for (int i = 0; i < numbers; i++) {
                    largest = Math.max(largest, Math.abs(rows.get((long) row * numbers + i)));
                }
                for (int i = 0; i < numbers; i++) {
                    long at = (long) row * numbers + i;
                    assertThat(rounded.get(at)).as("row " + row).isCloseTo(rows.get(at),
                            within(bits * largest + 1e-30));
                }
            }
        });
    }

    @Test
    void rowsOfZerosAndExtremesSurviveEightBits() {
        Tensor rows = memory.zeros(DType.F32, 1, 3, 4).setAll(0, 0, 0, 0, 127, -127, 1, 0.4, 1e-30, -1e-30, 0, 1e-31);
        Tensor back = ops.stored(rows, DType.I8);
        assertThat(Arrays.copyOf(back.toDoubles(), 8)).containsExactly(0, 0, 0, 0, 127, -127, 1, 0);
        assertThat(back.get(8)).isCloseTo(1e-30, within(1e-32));
    }

    @Test
    void identifiersTakeTwoBytesUpTo65535() {
        Tensor ids = memory.zeros(DType.I32, 1, 4, 1).setAll(0, 32_767, 40_000, 65_535);
        Tensor history = memory.zeros(DType.I16, 1, 4, 1);
        Tensor back = ops.recall(ops.append(ids, history, new long[] {0}), 0, 4, DType.I32);
        assertThat(back.toDoubles()).containsExactly(0, 32_767, 40_000, 65_535);
    }

    @Test
    void aHistoryWithoutRoomIsNamed() {
        Tensor rows = memory.zeros(DType.F32, 1, 3, 2);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ops.append(rows, memory.zeros(DType.F32, 1, 4, 2), new long[] {2}))
                .withMessageContaining("append").withMessageContaining("5 are needed");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ops.append(rows, memory.zeros(DType.I8, 1, 9, 2), new long[] {2}))
                .withMessageContaining("history must be [1, 9, 4]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ops.recall(memory.zeros(DType.F32, 1, 4, 2), 3, 5, DType.F32))
                .withMessageContaining("3..5");
    }

    // ── kept rows ───────────────────────────────────────────────────────────────────────────────────────────────────

    /** Rows are those that were asked for, computed once each while there is room, and forgotten when parameters change. */
    @Test
    void rowsAreKeptByTheirIdentifiers() {
        for (long limit : new long[] {1 << 20, 3_000, 0}) {
            ops.parametersChanged();
            ops.limitKeptRows(limit);
            SplittableRandom random = new SplittableRandom(5);
            List<Integer> computed = new ArrayList<>();
            for (int call = 0; call < 20; call++) {
                workspace.reset();
                Tensor ids = memory.zeros(DType.I32, 40, 2);
                for (int i = 0; i < 40; i++) {
                    ids.set(2L * i, random.nextInt(-1, 30));
                    ids.set(2L * i + 1, random.nextInt(30));
                }
                Tensor rows = ops.derivedRows(this, "rows", ids, asked -> {
                    computed.add(asked.dim(0));
                    Tensor made = ops.zeros(DType.F32, Shape.of(asked.dim(0), 2));
                    for (long i = 0; i < asked.elements(); i++) {
                        made.set(i, 10 * asked.get(i));
                    }
                    return made;
                });
                for (long i = 0; i < ids.elements(); i++) {
                    assertThat(rows.get(i)).as("limit " + limit + ", call " + call).isEqualTo(10 * ids.get(i));
                }
            }
            int total = computed.stream().mapToInt(Integer::intValue).sum();
            if (limit == 1 << 20) {
                assertThat(total).as("each pair once").isBetween(500, 31 * 30);
                assertThat(ops.keptRowsBytes()).isPositive();
            } else if (limit == 0) {
                assertThat(total).as("without room nearly all, each time").isGreaterThan(750);
                assertThat(ops.keptRowsBytes()).isZero();
            }
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ops.derivedRows(this, "rows", memory.zeros(DType.I32, 4, 3), asked -> asked))
                .withMessageContaining("I32[N,2]");
    }

    // ── attention ───────────────────────────────────────────────────────────────────────────────────────────────────

    /** Tiles of any size give what one causal attention over the whole history gives. */
    @Test
    void attentionOverTilesIsAttention() {
        Seeds.forAll(6, (seed, random) -> {
            for (DType dtype : List.of(DType.F32, DType.F64)) {
                int batch = 2;
                int time = Seeds.between(random, 1, 40);
                int groups = Seeds.between(random, 1, 2);
                int heads = groups * Seeds.between(random, 1, 2);
                long[] ages = {Seeds.between(random, 0, 30), Seeds.between(random, 0, 30)};
                int rows = Seeds.between(random, 1, 16);
                Tensor query = Tensors.normal(dtype, random, memory, batch, time, heads, 4);
                Tensor key = Tensors.normal(dtype, random, memory, batch, time, groups, 4);
                Tensor value = Tensors.normal(dtype, random, memory, batch, time, groups, 6);
                Tensor keys = Tensors.normal(dtype, random, memory, batch, 80, groups, 4);
                Tensor values = Tensors.normal(dtype, random, memory, batch, 80, groups, 6);
                Tensor tiled = memory.copyOf(ops.tiledAttention(query, key, value, rows,
                        tile -> new KeysAndValues(ops.slice(keys, 1, tile * rows, (tile + 1) * rows),
                                ops.slice(values, 1, tile * rows, (tile + 1) * rows)),
                        ages));
                Tensors.assertClose("tiles of " + rows + ", ages " + Arrays.toString(ages), tiled,
                        ops.causalAttention(query, key, value, keys, values, ages).y());
            }
        });
    }

    // ── turning ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @Test
    void neighboursTurnByTheirSpeeds() {
        double[] speeds = {0.5, 2};
        for (DType dtype : List.of(DType.F32, DType.F64)) {
            Tensor x = Tensors.normal(dtype, Seeds.random(1), memory, 2, 3, 2, 4);
            Tensor y = ops.turn(x, new long[] {0, 7}, speeds);
            for (int i = 0; i < x.elements(); i += 2) {
                double position = i / 8 % 3 + (i >= 24 ? 7 : 0);
                double angle = position * speeds[i / 2 % 2];
                assertThat(y.get(i)).as("at " + i).isCloseTo(
                        x.get(i) * Math.cos(angle) - x.get(i + 1) * Math.sin(angle), within(1e-6));
                assertThat(y.get(i + 1)).as("at " + (i + 1)).isCloseTo(
                        x.get(i) * Math.sin(angle) + x.get(i + 1) * Math.cos(angle), within(1e-6));
            }
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ops.turn(memory.zeros(DType.F32, 1, 1, 1, 6), new long[1], speeds))
                .withMessageContaining("two channels for each speed");
    }
}
