package tern.cli.bench.peer;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** A shared library of C functions. It stays loaded as long as the JVM runs. Immutable. */
record NativeLibrary(String what, Path path, SymbolLookup symbols) {

    /**
     * Loads a library.
     *
     * @param what the library is, as "OpenBLAS"
     * @throws IllegalArgumentException if there is no such file or it cannot be loaded
     */
    static NativeLibrary load(String what, Path path) {
        if (!Files.isRegularFile(path)) {
            throw new IllegalArgumentException(
                    "no file %s; name the %s library to measure against".formatted(path, what));
        }
        try {
            return new NativeLibrary(what, path,
                    SymbolLookup.libraryLookup(path.toAbsolutePath(), Arena.global()));
        } catch (IllegalArgumentException refused) {
            throw new IllegalArgumentException("%s cannot be loaded as %s: %s".formatted(path, what,
                    refused.getMessage()), refused);
        }
    }

    /**
     * A function of the library.
     *
     * @throws IllegalArgumentException if the library has none of that name
     */
    MethodHandle function(String name, FunctionDescriptor type) {
        return find(name, type).orElseThrow(() -> new IllegalArgumentException(
                "%s has no function %s; expected a build of %s in single precision".formatted(path, name, what)));
    }

    Optional<MethodHandle> find(String name, FunctionDescriptor type) {
        return symbols.find(name).map(address -> Linker.nativeLinker().downcallHandle(address, type));
    }

    /** What a call into C threw, which it cannot by itself. */
    static AssertionError thrown(Throwable thrown) {
        return new AssertionError("a call of C cannot throw", thrown);
    }
}
