package tern.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Takes memory from the operating system. Blocks of 4 MiB and more are mapped on 2 MiB boundaries and advised for huge
 * pages where Linux offers them, because reading through 4 KiB pages halves the bandwidth of a large stream; elsewhere,
 * and for small blocks, the arena's own allocation is used. Always zeroed and 64-byte aligned.
 */
final class Pages {
    private static final long ALIGNMENT = 64;
    private static final long HUGE = 2L << 20;
    private static final int READ_WRITE = 3;
    private static final int PRIVATE_ANONYMOUS = 0x22;
    private static final int WITHOUT_RESERVE = 0x4000;
    private static final int ADVISE_HUGE = 14;
    private static final int ADVISE_DISCARD = 4;
    private static final int ADVISE_POPULATE = 23;
    // Smaller ones are not worth a second address; every page that Linux has is a multiple or divides it.
    static final long SMALLEST = 4L << 10;
    private static final Optional<LargePages> LARGE = LargePages.find();

    private Pages() {
    }

    static MemorySegment allocate(Arena arena, long bytes) {
        if (bytes >= 2 * HUGE && LARGE.isPresent()) {
            Optional<MemorySegment> mapped = LARGE.get().map(arena, bytes, PRIVATE_ANONYMOUS);
            if (mapped.isPresent()) {
                return mapped.get();
            }
        }
        try {
            return arena.allocate(Math.max(bytes, 1), ALIGNMENT).asSlice(0, bytes);
        } catch (OutOfMemoryError error) {
            OutOfMemoryError told = new OutOfMemoryError("could not get " + (bytes >> 20)
                    + " MiB of off-heap memory from the operating system; use a smaller model, batch or context");
            told.initCause(error);
            throw told;
        }
    }

    /** Address space of which pages come when they are written, zeroed; none if the system does not give it. */
    static Optional<MemorySegment> reserve(Arena arena, long bytes) {
        return LARGE.flatMap(pages -> pages.map(arena, bytes, PRIVATE_ANONYMOUS | WITHOUT_RESERVE));
    }

    /** Where the next piece of reserved space may begin after so many bytes: large ones on a huge page. */
    static long aligned(long at, long bytes) {
        long unit = bytes >= 2 * HUGE ? HUGE : SMALLEST;
        return at + unit - 1 & -unit;
    }

    /** Lets pages of reserved space come now. Contents stay; others may read and write them meanwhile. */
    static void populate(MemorySegment pages) {
        LARGE.ifPresent(large -> large.advise(pages, ADVISE_POPULATE));
    }

    /** Gives back whole pages of reserved space; they are zeros when they come again. */
    static void discard(MemorySegment pages) {
        LARGE.ifPresent(large -> large.advise(pages, ADVISE_DISCARD));
    }

    private record LargePages(MethodHandle mmap, MethodHandle munmap, MethodHandle madvise) {

        static Optional<LargePages> find() {
            if (!System.getProperty("os.name", "").startsWith("Linux")) {
                return Optional.empty();
            }
            Linker linker = Linker.nativeLinker();
            ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
            ValueLayout.OfInt number = ValueLayout.JAVA_INT;
            return linker.defaultLookup().find("mmap").flatMap(mmap -> linker.defaultLookup().find("munmap")
                    .flatMap(munmap -> linker.defaultLookup().find("madvise").map(madvise -> new LargePages(
                            linker.downcallHandle(mmap,
                                    FunctionDescriptor.of(word, word, word, number, number, number, word)),
                            linker.downcallHandle(munmap, FunctionDescriptor.of(number, word, word)),
                            linker.downcallHandle(madvise,
                                    FunctionDescriptor.of(number, ValueLayout.ADDRESS, word, number))))));
        }

        Optional<MemorySegment> map(Arena arena, long bytes, int flags) {
            long size = bytes + HUGE;
            long base = call(mmap, 0L, size, READ_WRITE, flags, -1, 0L);
            if (base == -1L) {
                return Optional.empty();
            }
            long aligned = base + HUGE - 1 & -HUGE;
            advise(MemorySegment.ofAddress(aligned).reinterpret(bytes), ADVISE_HUGE);
            return Optional
                    .of(MemorySegment.ofAddress(aligned).reinterpret(bytes, arena, ignored -> unmap(base, size)));
        }

        /** @throws IllegalStateException if the memory was released: the call keeps it, and so its addresses, until it returns */
        private void advise(MemorySegment pages, int what) {
            try {
                int ignoredBecauseOnlyAHint = (int) madvise.invokeExact(pages, pages.byteSize(), what);
            } catch (IllegalStateException released) {
                throw released;
            } catch (Throwable thrown) {
                throw new AssertionError("madvise cannot throw", thrown);
            }
        }

        private void unmap(long address, long bytes) {
            try {
                int ignoredBecauseNothingCanBeDone = (int) munmap.invokeExact(address, bytes);
            } catch (Throwable thrown) {
                throw new AssertionError("munmap cannot throw", thrown);
            }
        }

        private static long call(MethodHandle mmap, long address, long size, int protection, int flags, int file,
                long offset) {
            try {
                return (long) mmap.invokeExact(address, size, protection, flags, file, offset);
            } catch (Throwable thrown) {
                throw new AssertionError("mmap cannot throw", thrown);
            }
        }
    }
}
