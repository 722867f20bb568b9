/** Laws, gradient checks, golden data and seeded generators for the tests of every room. */
@NullMarked
package tern.testkit;

import org.jspecify.annotations.NullMarked;
