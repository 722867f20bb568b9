package tern.bench;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The picture in ARCHITECTURE.md, held against the classes and the module descriptors. */
class RoomsTest {
    /** Each room and the rooms it stands on directly; what those stand on it may use too. */
    private static final Map<String, Set<String>> STANDS_ON = Map.ofEntries(
            Map.entry("tensor", Set.of()),
            Map.entry("ops", Set.of("tensor")),
            Map.entry("sequence", Set.of("ops")),
            Map.entry("testkit", Set.of("sequence")),
            Map.entry("kernels", Set.of("ops")),
            Map.entry("autograd", Set.of("kernels")),
            Map.entry("mixers", Set.of("sequence")),
            Map.entry("model", Set.of("mixers")),
            Map.entry("checkpoint", Set.of("model")),
            Map.entry("text", Set.of()),
            Map.entry("inference", Set.of("checkpoint", "kernels", "text")),
            Map.entry("tasks", Set.of("text")),
            Map.entry("train", Set.of("autograd", "checkpoint", "tasks")),
            Map.entry("distil", Set.of("train")),
            Map.entry("huggingface", Set.of("text")),
            Map.entry("host", Set.of("inference")),
            Map.entry("serve", Set.of("host")),
            Map.entry("langchain4j", Set.of("host")),
            Map.entry("springai", Set.of("host")),
            Map.entry("cli", Set.of("distil", "serve")));

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("tern");

    static Stream<String> rooms() {
        return STANDS_ON.keySet().stream().sorted();
    }

    @ParameterizedTest
    @MethodSource("rooms")
    void aRoomUsesOnlyWhatItStandsOn(String room) {
        assertThat(CLASSES.stream().map(type -> type.getPackageName() + "."))
                .as("classes of room %s that were imported", room)
                .anyMatch(name -> name.startsWith("tern." + room + "."));
        Set<String> allowed = reachable(room);
        String[] forbidden = STANDS_ON.keySet().stream().filter(other -> !allowed.contains(other)).sorted()
                .map(other -> "tern." + other + "..").toArray(String[]::new);
        if (forbidden.length == 0) return;
        noClasses().that().resideInAPackage("tern." + room + "..")
                .should().dependOnClassesThat().resideInAnyPackage(forbidden)
                .because(room + " stands on " + allowed + " only").check(CLASSES);
    }

    @Test
    void onlyKernelsKnowOfVectors() {
        noClasses().that().resideOutsideOfPackage("tern.kernels..")
                .should().dependOnClassesThat().resideInAnyPackage("jdk.incubator..")
                .because("vector code belongs in kernels").check(CLASSES);
        assertThat(CLASSES.stream().filter(type -> type.getDirectDependenciesFromSelf().stream()
                .anyMatch(use -> use.getTargetClass().getPackageName().startsWith("jdk.incubator."))))
                .as("classes that use vectors").isNotEmpty();
    }

    @Test
    void descriptorsRequireWhatThePictureDraws() {
        Map<String, ModuleDescriptor> descriptors = ModuleFinder.of(classPath()).findAll().stream()
                .map(ModuleReference::descriptor)
                .filter(descriptor -> descriptor.name().startsWith("tern.") && !descriptor.isAutomatic())
                .collect(Collectors.toMap(descriptor -> descriptor.name().substring("tern.".length()), d -> d));
        assertThat(descriptors.keySet()).as("rooms that are modules")
                .containsExactlyInAnyOrderElementsOf(rooms().filter(room -> !room.equals("testkit")).toList());
        descriptors.forEach((room, descriptor) -> {
            Set<String> required = descriptor.requires().stream().map(ModuleDescriptor.Requires::name)
                    .filter(name -> name.startsWith("tern."))
                    .map(name -> name.substring("tern.".length())).collect(Collectors.toCollection(TreeSet::new));
            assertThat(reachable(room)).as("room %s requires", room).containsAll(required);
            assertThat(required).as("room %s requires", room).containsAll(STANDS_ON.getOrDefault(room, Set.of()));
        });
    }

    private static Set<String> reachable(String room) {
        Set<String> found = new TreeSet<>(Set.of(room));
        for (String below : STANDS_ON.getOrDefault(room, Set.of())) found.addAll(reachable(below));
        return found;
    }

    private static Path[] classPath() {
        List<String> entries = Arrays.asList(System.getProperty("java.class.path").split(java.io.File.pathSeparator));
        return entries.stream().filter(entry -> entry.contains("tern-") || entry.endsWith("classes")).map(Path::of)
                .toArray(Path[]::new);
    }
}
