package tern.serve.http;

import java.util.Optional;

import tern.host.engine.Refusal;

/** What a client is told instead of an answer: a status and an error in OpenAI's shape. */
final class ApiError extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final String INVALID = "invalid_request_error";

    private final int status;
    private final String type;
    private final transient Optional<String> param;
    private final transient Optional<String> code;
    private final int retryAfterSeconds;

    private ApiError(int status, String type, String message, Optional<String> param, Optional<String> code,
            int retryAfterSeconds) {
        super(message);
        this.status = status;
        this.type = type;
        this.param = param;
        this.code = code;
        this.retryAfterSeconds = retryAfterSeconds;
    }

    /** The request as a whole is wrong. */
    static ApiError invalid(String message) {
        return new ApiError(400, INVALID, message, Optional.empty(), Optional.empty(), 0);
    }

    /** A field of the request is wrong. */
    static ApiError field(String param, String message) {
        return new ApiError(400, INVALID, message, Optional.of(param), Optional.empty(), 0);
    }

    /** Any status, without a field. */
    static ApiError of(int status, String code, String message) {
        String type = switch (status) {
            case 401 -> "authentication_error";
            case 403 -> "permission_error";
            case 429 -> "rate_limit_error";
            default -> status >= 500 ? "server_error" : INVALID;
        };
        return new ApiError(status, type, message, Optional.empty(), Optional.of(code), 0);
    }

    /** What the engine refused. */
    static ApiError of(Refusal refusal) {
        int retry = refusal.retryAfterSeconds();
        String message = String.valueOf(refusal.getMessage());
        return switch (refusal.kind()) {
            case IMPOSSIBLE -> new ApiError(400, INVALID, message, Optional.empty(),
                    Optional.of("context_length_exceeded"), 0);
            case BUSY -> new ApiError(429, "rate_limit_error", message, Optional.empty(),
                    Optional.of("rate_limit_exceeded"), retry);
            case CLOSING -> new ApiError(503, "server_error", message, Optional.empty(),
                    Optional.of("unavailable"), retry);
            case TOO_SLOW -> new ApiError(408, "server_error", message, Optional.empty(),
                    Optional.of("timeout"), 0);
            case FAULT -> new ApiError(500, "server_error", message, Optional.empty(),
                    Optional.of("model_failed"), 0);
        };
    }

    int status() {
        return status;
    }

    int retryAfterSeconds() {
        return retryAfterSeconds;
    }

    /** The error as OpenAI writes it. */
    Object body() {
        return new Body(new Inner(String.valueOf(getMessage()), type, param, code));
    }

    /** The outer object. */
    record Body(Inner error) {
    }

    /** The error itself. */
    record Inner(String message, String type, Optional<String> param, Optional<String> code) {
    }
}
