/** Several architectures on one task, trained alike and judged alike. */
@org.jspecify.annotations.NullMarked
package tern.cli.compare;
