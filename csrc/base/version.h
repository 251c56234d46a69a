/* The version of the library, in its one place.
 *
 * The binding hands it to Lua, which shows it as `_VERSION` and in the User-Agent. The rockspec is
 * for the tree as it stands (scm) and has none.
 */
#ifndef TRAIL_BASE_VERSION_H
#define TRAIL_BASE_VERSION_H

#define TRAIL_VERSION "0.1.0"

#endif
