package tern.host.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.checkpoint.Metadatum;
import tern.checkpoint.gguf.GgufWriter;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;

/** Templates in the manner of published ones, and what is refused. */
class ChatTemplateTest {
    private static final List<Message> TALK = List.of(new Message("system", "Be brief."), new Message("user", " Hi "),
            new Message("assistant", "Hello."), new Message("user", "Bye"));

    private static String render(String source, Map<String, String> constants) {
        return ChatTemplate.jinja(source, constants).render(TALK, true);
    }

    @Test
    void thePlainOne() {
        assertThat(ChatTemplate.plain().render(TALK, true))
                .isEqualTo("System: Be brief.\n\nUser: Hi\n\nAssistant: Hello.\n\nUser: Bye\n\nAssistant:");
        assertThat(ChatTemplate.plain().stops()).containsExactly("\n\nUser:");
    }

    @Test
    void rolesBetweenMarks() {
        String source = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content']"
                + " + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
        assertThat(render(source, Map.of())).isEqualTo("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi "
                + "<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n");
    }

    @Test
    void aSystemMessageInTheFirstTurnAndTurnsThatAlternate() {
        String source = """
                {%- if messages[0]['role'] == 'system' -%}
                    {%- set system = messages[0].content | trim -%}
                    {%- set rest = messages[1:] -%}
                {%- else -%}
                    {%- set system = none -%}
                    {%- set rest = messages -%}
                {%- endif -%}
                {{ bos_token }}
                {%- for m in rest -%}
                    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) -%}
                        {{ raise_exception('roles must alternate') }}
                    {%- endif -%}
                    {%- if m['role'] == 'user' -%}
                        {{ '[INST] ' ~ (('<<' ~ system ~ '>> ') if loop.first and system is not none else '') ~ m.content.strip() ~ ' [/INST]' }}
                    {%- elif m['role'] == 'assistant' -%}
                        {{ ' ' + m['content'] + eos_token }}
                    {%- endif -%}
                {%- endfor -%}
                """;
        assertThat(render(source, Map.of("bos_token", "<s>", "eos_token", "</s>")))
                .isEqualTo("<s>[INST] <<Be brief.>> Hi [/INST] Hello.</s>[INST] Bye [/INST]");
        assertThatThrownBy(() -> ChatTemplate.jinja(source, Map.of("bos_token", ""))
                .render(List.of(new Message("user", "a"), new Message("user", "b")), true))
                .isInstanceOf(TemplateException.class).hasMessage("roles must alternate");
    }

    @Test
    void blocksOnLinesOfTheirOwnLeaveNothing() {
        String source = """
                {% set ns = namespace(count=0) %}
                {% for m in messages if m.role != 'system' %}
                    {% set ns.count = ns.count + 1 %}
                {{ ns.count }}:{{ m.role | upper }}{% if not loop.last %},{% endif %}

                {% endfor %}
                {# a comment #}
                {{ ['a', 'b'] | join('-') }} {{ messages | length }} {{ tools is defined }} {{ {'k': [1, true]} | tojson }} {{ messages[::-1][0].content[1:] }}
                """;
        assertThat(render(source, Map.of()))
                .isEqualTo("1:USER,\n2:ASSISTANT,\n3:USER\na-b 4 False {\"k\":[1,true]} ye\n");
    }

    @Test
    void whatIsNotOfferedIsRefusedWhenItIsRead(@TempDir Path folder) throws IOException {
        assertThatThrownBy(() -> ChatTemplate.jinja("{% macro x() %}{% endmacro %}", Map.of()))
                .isInstanceOf(TemplateException.class).hasMessageContaining("macro");
        assertThatThrownBy(() -> ChatTemplate.jinja("{% if a %}", Map.of())).isInstanceOf(TemplateException.class)
                .hasMessageContaining("not ended");
        assertThatThrownBy(() -> ChatTemplate.jinja("{{ a b }}", Map.of())).isInstanceOf(TemplateException.class);
        assertThatThrownBy(() -> render("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
                Map.of())).isInstanceOf(TemplateException.class).hasMessageContaining("steps");
        Files.writeString(folder.resolve("tokenizer_config.json"),
                "{\"bos_token\":{\"content\":\"<s>\"},\"chat_template\":\"{{ bos_token }}{{ messages[0].content }}\"}");
        assertThat(ChatTemplate.of(folder).render(TALK, true)).isEqualTo("<s>Be brief.");
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"chat_template\":\"{% nonsense %}\"}");
        assertThatIOException().isThrownBy(() -> ChatTemplate.of(folder)).withMessageContaining("nonsense");
        Files.delete(folder.resolve("tokenizer_config.json"));
        assertThat(ChatTemplate.of(folder).isPlain()).isTrue();
    }

    @Test
    void theOneInAGgufFileComesFirst(@TempDir Path folder) throws IOException {
        Files.writeString(folder.resolve("chat_template.jinja"), "beside");
        Path with = gguf(folder.resolve("with.gguf"), Map.of("tokenizer.chat_template",
                new Metadatum.Text(
                        "{{bos_token}}{% for m in messages %}[{{m.role}}]{{m.content}}{{eos_token}}{% endfor %}"),
                "tokenizer.ggml.tokens", new Metadatum.Texts(List.of("<s>", "</s>", "a")),
                "tokenizer.ggml.bos_token_id", new Metadatum.Whole(Metadatum.Width.U32, 0),
                "tokenizer.ggml.eos_token_id", new Metadatum.Whole(Metadatum.Width.U32, 1)));
        assertThat(ChatTemplate.of(with).render(TALK.subList(0, 2), true))
                .isEqualTo("<s>[system]Be brief.</s>[user] Hi </s>");
        assertThat(ChatTemplate.of(gguf(folder.resolve("without.gguf"), Map.of())).render(TALK, true))
                .isEqualTo("beside");
        Path bad = gguf(folder.resolve("bad.gguf"),
                Map.of("tokenizer.chat_template", new Metadatum.Text("{% for %}")));
        assertThatIOException().isThrownBy(() -> ChatTemplate.of(bad))
                .withMessageContaining("bad.gguf: tokenizer.chat_template cannot be used: ");
    }

    private static Path gguf(Path path, Map<String, Metadatum> metadata) throws IOException {
        try (Memory memory = new Memory()) {
            GgufWriter.write(path, metadata,
                    List.of(GgufWriter.Entry.asIs("w", memory.zeros(DType.F32, Shape.of(2)))));
        }
        return path;
    }
}
