package tern.springai.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.ai.chat.model.ChatModel;
import org.springframework.ai.chat.prompt.Prompt;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.context.annotation.ImportCandidates;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.host.local.LocalModel;
import tern.springai.TernChatModel;
import tern.springai.TernChatOptions;
import tern.springai.TernEmbeddingModel;
import tern.springai.TinyCheckpoint;

class TernAutoConfigurationTest {
    @TempDir
    static Path folder;
    private static Path path;

    private final ApplicationContextRunner bare = new ApplicationContextRunner()
            .withConfiguration(AutoConfigurations.of(TernAutoConfiguration.class));

    private ApplicationContextRunner runner;

    @BeforeAll
    static void save() throws IOException {
        path = TinyCheckpoint.in(folder);
    }

    @BeforeEach
    void name() {
        runner = bare.withPropertyValues("spring.ai.tern.model-path=" + path, "spring.ai.tern.threads=1",
                "spring.ai.tern.state-memory=64MB");
    }

    @Test
    void bootFindsIt() {
        assertThat(ImportCandidates.load(org.springframework.boot.autoconfigure.AutoConfiguration.class,
                getClass().getClassLoader())).contains(TernAutoConfiguration.class.getName());
    }

    @Test
    void makesBeansFromPropertiesAndClosesTheModelWithTheContext() {
        CompletableFuture<LocalModel> model = new CompletableFuture<>();
        runner.withPropertyValues("spring.ai.tern.chat.max-tokens=5", "spring.ai.tern.chat.temperature=0.5",
                "spring.ai.tern.chat.top-p=0.9", "spring.ai.tern.chat.presence-penalty=0.1",
                "spring.ai.tern.chat.frequency-penalty=0.2", "spring.ai.tern.chat.stop-sequences=END,STOP",
                "spring.ai.tern.chat.seed=3", "spring.ai.tern.timeout=1m", "spring.ai.tern.max-waiting=7",
                "spring.ai.tern.state-folder=" + folder.resolve("states")).run(context -> {
                    assertThat(context).hasSingleBean(ChatModel.class).hasSingleBean(EmbeddingModel.class);
                    TernChatModel chat = context.getBean(TernChatModel.class);
                    TernChatOptions options = chat.getOptions();
                    assertThat(options.getTemperature()).isEqualTo(0.5);
                    assertThat(options.getTopP()).isEqualTo(0.9);
                    assertThat(options.getPresencePenalty()).isEqualTo(0.1);
                    assertThat(options.getFrequencyPenalty()).isEqualTo(0.2);
                    assertThat(options.getStopSequences()).containsExactly("END", "STOP");
                    assertThat(options.getSeed()).isEqualTo(3);
                    assertThat(chat.call(new Prompt("hello")).getMetadata().getUsage().getCompletionTokens())
                            .isEqualTo(5);
                    model.complete(context.getBean(LocalModel.class));
                    assertThat(model.join().model().engine().threads()).isEqualTo(1);
                });
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> model.join().embedding(new int[] {1}))
                .withMessageContaining("is closed");
    }

    @Test
    void standsBack() {
        bare.run(context -> assertThat(context).doesNotHaveBean(LocalModel.class).doesNotHaveBean(ChatModel.class));
        runner.withClassLoader(new FilteredClassLoader(ChatModel.class))
                .run(context -> assertThat(context).doesNotHaveBean(LocalModel.class));
        runner.withPropertyValues("spring.ai.model.chat=openai").run(context -> assertThat(context)
                .doesNotHaveBean(TernChatModel.class).hasSingleBean(TernEmbeddingModel.class));
        runner.withPropertyValues("spring.ai.model.embedding=none").run(context -> assertThat(context)
                .hasSingleBean(TernChatModel.class).doesNotHaveBean(TernEmbeddingModel.class));
        LocalModel own = open();
        runner.withBean("own", LocalModel.class, () -> own).run(context -> assertThat(context)
                .hasSingleBean(LocalModel.class).getBean(LocalModel.class).isSameAs(own));
    }

    private static LocalModel open() {
        try {
            return LocalModel.open(LocalModel.Options.of(path).withThreads(1));
        } catch (IOException failed) {
            throw new java.io.UncheckedIOException(failed);
        }
    }

    @Test
    void saysWhatIsWrong() {
        runner.withPropertyValues("spring.ai.tern.model-path=" + folder.resolve("nothing")).run(
                context -> assertThat(context).hasFailed().getFailure().rootCause().hasMessageContaining("nothing"));
        runner.withPropertyValues("spring.ai.tern.chat.temperature=9").run(context -> assertThat(context).hasFailed()
                .getFailure().rootCause().hasMessageContaining("temperature is 9.0"));
    }

    @Test
    void theMetadataNamesEveryProperty() throws IOException {
        Set<String> expected = new TreeSet<>();
        for (RecordComponent component : TernProperties.class.getRecordComponents()) {
            if (!component.getName().equals("chat")) {
                expected.add("spring.ai.tern." + kebab(component));
            }
        }
        for (RecordComponent component : TernProperties.Chat.class.getRecordComponents()) {
            expected.add("spring.ai.tern.chat." + kebab(component));
        }
        Set<String> found = new TreeSet<>();
        try (InputStream in = TernProperties.class
                .getResourceAsStream("/META-INF/spring-configuration-metadata.json")) {
            for (JsonNode each : JsonMapper.builder().build().readTree(in).path("properties")) {
                found.add(each.path("name").asString());
                assertThat(each.path("description").asString()).isNotEmpty();
            }
        }
        assertThat(found).isEqualTo(expected);
    }

    private static String kebab(RecordComponent component) {
        return component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(java.util.Locale.ROOT);
    }
}
