package tern.serve.page;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.inference.LanguageModel;
import tern.serve.TernServer;
import tern.serve.TinyModels;

/** The page in a real browser. Pictures of it are left in {@code target/screenshots}. */
class PageTest {
    private static final Path PICTURES = Path.of("target", "screenshots");
    private static final String IDLE = "[...document.querySelectorAll('.stop')].every(b => b.hidden)"
            + " && document.querySelectorAll('.token').length > ";

    @TempDir
    private static Path folder;
    private static TinyModels tiny;
    private static TernServer server;
    private static Browser browser;

    @BeforeAll
    static void start() throws Exception {
        browser = Browser.start(Files.createDirectory(folder.resolve("profile")));
        tiny = new TinyModels();
        Map<String, LanguageModel> models = new LinkedHashMap<>();
        models.put("rwkv", tiny.preset("rwkv7-nano"));
        models.put("attention", tiny.preset("transformer-nano"));
        server = TernServer.start(TernServer.Options.local(0), models);
    }

    @AfterAll
    static void stop() throws Exception {
        if (browser != null) {
            browser.close();
        }
        if (server != null) {
            server.close();
            tiny.close();
        }
    }

    private static void fresh(int width, int height, boolean dark) throws Exception {
        browser.look(width, height, dark);
        browser.open("http://127.0.0.1:" + server.port() + "/");
        browser.until("document.getElementById('model').options.length === 2");
        browser.value("document.getElementById('max_tokens').value = 24; document.getElementById('seed').value = 5");
    }

    private static void say(int column, String text) throws Exception {
        browser.value("document.querySelectorAll('.column')[" + column + "].querySelector('textarea').focus()");
        browser.write(text);
        browser.press("Enter", "Control");
    }

    private static String text(int column) throws Exception {
        return browser.value("document.querySelectorAll('.text')[" + column + "].textContent").stringValue();
    }

    private static String meter(int column, String name) throws Exception {
        return browser.value("document.querySelectorAll('.column')[" + column + "].querySelector('[data-is=" + name
                + "]').textContent").stringValue();
    }

    @Test
    void aTextGoesOnForksAndIsGeneratedAgain() throws Exception {
        fresh(1200, 800, false);
        say(0, "The tern flies from ");
        browser.until(IDLE + 10);
        String whole = text(0);
        assertThat(whole).startsWith("The tern flies from ").hasSizeGreaterThan(30);
        assertThat(meter(0, "tokens")).isEqualTo("44");
        assertThat(meter(0, "speed")).endsWith("tokens/s");
        assertThat(meter(0, "read")).isEqualTo("20 of 20");
        assertThat(meter(0, "cache")).isNotEqualTo("0 B");
        browser.hover(".token");
        browser.until("!document.getElementById('tip').hidden");
        assertThat(browser.value("document.querySelectorAll('#tip tr').length").intValue()).isBetween(5, 6);
        assertThat(browser.value("document.querySelectorAll('#tip tr.chosen').length").intValue()).isEqualTo(1);
        browser.picture(PICTURES.resolve("complete-light.png"));

        browser.press("f", "Alt");
        browser.until("document.querySelectorAll('.column').length === 2");
        browser.until("document.querySelectorAll('.text')[1].textContent.length > 30");
        browser.until("document.activeElement === document.querySelectorAll('textarea')[1]");
        assertThat(text(1)).isEqualTo(whole);
        say(0, " But north");
        browser.until(IDLE + 60);
        say(1, " But south");
        browser.until(IDLE + 80);
        assertThat(text(0)).startsWith(whole + " But north");
        assertThat(text(1)).startsWith(whole + " But south");
        // A turn reads what is new, and the last token before, which had been generated but not read.
        assertThat(meter(0, "read")).isEqualTo("11 of 54");
        assertThat(meter(1, "read")).isEqualTo("11 of 54");
        browser.look(1200, 800, true);
        browser.picture(PICTURES.resolve("fork-dark.png"));

        String before = text(1);
        browser.value("document.querySelectorAll('[data-do=again]')[1].click()");
        browser.until(IDLE + 80);
        assertThat(text(1)).as("the same seed says the same again").isEqualTo(before);
        assertThat(browser.complaints()).isEmpty();
    }

    @Test
    void aConversationAndItsForks() throws Exception {
        fresh(1200, 800, true);
        browser.value("document.querySelector('[name=mode][value=chat]').click()");
        say(0, "Hello?");
        browser.until(IDLE + 10);
        assertThat(browser.value("document.querySelectorAll('.turn.user').length").intValue()).isEqualTo(1);
        assertThat(browser.value("document.querySelectorAll('.turn.assistant').length").intValue()).isEqualTo(1);
        say(0, "And then?");
        browser.until(IDLE + 30);
        assertThat(browser.value("document.querySelectorAll('.turn').length").intValue()).isEqualTo(4);
        browser.press("f", "Alt");
        browser.until("document.querySelectorAll('.turn').length === 8");
        browser.picture(PICTURES.resolve("chat-dark.png"));
        assertThat(browser.complaints()).isEmpty();
    }

    @Test
    void aStateIsSavedAndGoesOnElsewhere() throws Exception {
        fresh(390, 800, false);
        say(0, "Once upon a time ");
        browser.until(IDLE + 10);
        assertThat(browser.value("document.documentElement.scrollWidth <= innerWidth").booleanValue())
                .as("fits a phone").isTrue();
        browser.picture(PICTURES.resolve("phone-light.png"));
        // What the button downloads is caught and given to the button that loads.
        browser.value("""
                (async () => {
                  const saved = new Promise((done) => { URL.createObjectURL = (blob) => { done(blob); return '#'; }; });
                  document.querySelector('[data-do=save]').click();
                  const data = new DataTransfer();
                  data.items.add(new File([await saved], 'tern.state'));
                  document.querySelector('[data-do=clear]').click();
                  const input = document.querySelector('input[type=file]');
                  input.files = data.files;
                  input.dispatchEvent(new Event('change'));
                })()""");
        browser.until("document.querySelector('[data-is=tokens]').textContent === '41'");
        say(0, "and then ");
        browser.until(IDLE + 10);
        assertThat(meter(0, "read")).isEqualTo("10 of 50");
        assertThat(browser.complaints()).isEmpty();
    }

    @Test
    void errorsAreSaidInTheServersWords() throws Exception {
        fresh(1200, 800, false);
        browser.value("document.getElementById('temperature').value = 9");
        say(0, "x");
        browser.until("!document.getElementById('notice').hidden");
        assertThat(browser.value("document.getElementById('notice').textContent").stringValue())
                .contains("Temperature is 9").contains("from 0 to 2");
        assertThat(browser.value("document.querySelector('textarea').value").stringValue()).as("is not lost")
                .isEqualTo("x");
        // A refusal by the server: nothing is shown that it has not read, and the text may be sent again.
        browser.value(
                "document.getElementById('temperature').value = 1; document.getElementById('max_tokens').max = 1e9;"
                        + " document.getElementById('max_tokens').value = 16000000");
        say(0, "y");
        browser.until("document.getElementById('notice').textContent.includes('this server takes')");
        assertThat(browser.value("document.querySelector('textarea').value").stringValue()).isEqualTo("xy");
        assertThat(text(0)).isEmpty();
        browser.value("document.getElementById('max_tokens').value = 12");
        say(0, "z");
        browser.until(IDLE + 10);
        assertThat(text(0)).startsWith("xyz");
        assertThat(meter(0, "read")).isEqualTo("3 of 3");
        String order = "[...document.querySelectorAll('.token')].every(t => t.token.others.every((o, i, all) => i === 0 ||"
                + " all[i - 1].logprob >= o.logprob))";
        assertThat(browser.value(order).booleanValue()).as("the likeliest first").isTrue();
        browser.look(390, 800, true);
        browser.value("document.querySelector('.settings').open = true");
        browser.picture(PICTURES.resolve("phone-settings-dark.png"));
        assertThat(browser
                .value("document.documentElement.scrollWidth <= innerWidth && document.querySelector('.settings > div')"
                        + ".getBoundingClientRect().right <= innerWidth")
                .booleanValue()).as("settings fit a phone").isTrue();
    }
}
