/** Spring Boot makes the beans where {@code spring.ai.tern.model-path} is set, and closes the model with the context. */
@NullMarked
package tern.springai.autoconfigure;

import org.jspecify.annotations.NullMarked;
