package tern.host.chat;

/** A template that cannot be read, uses what is not offered, or refuses these messages; the message says which. */
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1;

    TemplateException(String message) {
        super(message);
    }
}
