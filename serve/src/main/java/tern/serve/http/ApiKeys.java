package tern.serve.http;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Optional;

/**
 * Keys that open the API. Hashes are compared, all of them and all of each, so that time tells nothing about how much of a
 * guess is right. Immutable.
 */
public final class ApiKeys {
    /** No key is asked for. */
    public static final ApiKeys NONE = new ApiKeys(List.of());

    private final List<byte[]> hashes;

    /** These keys; none for an open server. */
    public ApiKeys(List<String> keys) {
        this.hashes = keys.stream().map(key -> hash(key)).toList();
    }

    private static byte[] hash(String key) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JVM has SHA-256", impossible);
        }
    }

    /** Whether a request with this Authorization header may pass. */
    boolean open(Optional<String> authorization) {
        if (hashes.isEmpty()) {
            return true;
        }
        String given = authorization.orElse("");
        boolean bearer = given.regionMatches(true, 0, "Bearer ", 0, 7);
        byte[] hash = hash(bearer ? given.substring(7).strip() : "");
        boolean known = false;
        for (byte[] each : hashes) {
            known |= MessageDigest.isEqual(each, hash);
        }
        return known && bearer;
    }
}
