package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.SharedData;
import tern.checkpoint.TensorFile;

/** What a configuration tells, against the tensors beside it and against what it should be at all. */
class ToldTest {
    @TempDir
    Path folder;

    private String config = "";

    @BeforeEach
    void aModel() throws IOException {
        Files.write(folder.resolve("model.safetensors"), resource("falcon-h1/model.safetensors"));
        config = new String(resource("falcon-h1/config.json"), StandardCharsets.UTF_8);
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = ToldTest.class.getResourceAsStream("/tern/checkpoint/hybrids/" + name)) {
            assertThat(in).as(name).isNotNull();
            return in.readAllBytes();
        }
    }

    private Blueprint recognised(Path model) throws IOException {
        try (TensorFile file = TensorFile.open(model)) {
            return Families.recognise(file);
        }
    }

    private AbstractThrowableAssert<?, ? extends Throwable> refused(String with) throws IOException {
        Files.writeString(folder.resolve("config.json"), with);
        return assertThatThrownBy(() -> recognised(folder)).isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(folder.toString()).hasMessageNotContaining("\n");
    }

    private String with(String key, String value) {
        String changed = config.replaceFirst("\"" + key + "\": [^,\\n]*", "\"" + key + "\": " + value);
        assertThat(changed).as(key).isNotEqualTo(config);
        return changed;
    }

    @ParameterizedTest
    @CsvSource({"hidden_size, 24, 16 wide", "num_hidden_layers, 3, 2 layers deep", "vocab_size, 41, a vocabulary of 40",
        "vocab_size, 0, a vocabulary of 40"})
    void contradictionsAreNamed(String key, String told, String found) throws IOException {
        refused(with(key, told)).hasMessageContaining("\"" + key + "\" is " + told).hasMessageContaining(found);
    }

    /** Rows beyond the vocabulary fill the table up. */
    @Test
    void aShorterVocabularyIsNoContradiction() throws IOException {
        Files.writeString(folder.resolve("config.json"), with("vocab_size", "37"));
        assertThat(recognised(folder).config().vocabulary()).isEqualTo(40);
    }

    @ParameterizedTest
    @CsvSource({"mamba_n_groups, 4294967297", "mamba_n_groups, 1.5", "mamba_n_groups, true", "mamba_n_groups, '\"2\"'",
        "num_attention_heads, [4]", "num_attention_heads, {}", "num_attention_heads, -2147483648",
        "mamba_norm_before_gate, 1",
        "max_position_embeddings, false"})
    void aValueOfAnotherKindIsRefused(String key, String value) throws IOException {
        refused(with(key, value)).hasMessageContaining("\"" + key + "\" is " + value).hasMessageContaining("expected");
    }

    @Test
    void whatIsNoConfigurationIsRefused() throws IOException {
        refused("").hasMessageContaining("is empty");
        refused("[1]").hasMessageContaining("no object");
        refused(config + "}").hasMessageContaining("is not a configuration");
        refused(config.replace("}", "]")).hasMessageContaining("at character").hasMessageNotContaining("REDACTED");
    }

    @ParameterizedTest
    @CsvSource({"rwkv6.embedding_length, 96, 128 wide", "rwkv6.block_count, 3, 12 layers deep"})
    void contradictionsOfMetadataAreNamed(String key, int told, String words) throws IOException {
        Path good = SharedData.require("rwkv-tiny/tiny-rwkv6-from-Q5_1-q8_0.gguf");
        metadata(Files.readAllBytes(good), key, told, words);
    }

    @ParameterizedTest
    @CsvSource({"falcon-h1.ssm.group_count, -2147483648", "falcon-h1.ssm.group_count, -1",
        "falcon-h1.attention.key_length, -1"})
    void numbersBeyondAnIntAreRefused(String key, int told) throws IOException {
        metadata(resource("llama/falcon-h1.gguf"), key, told, "expected at most");
    }

    private void metadata(byte[] bytes, String key, int told, String words) throws IOException {
        int at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf(key) + key.length() + 4;
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at, told);
        Path file = Files.write(folder.resolve("model.gguf"), bytes);
        assertThatThrownBy(() -> recognised(file)).isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(file.toString()).hasMessageContaining(key).hasMessageContaining(words);
    }
}
