/* Whether this build has a sanitizer, whose runtime cannot live behind the walls. */
#ifndef TUTTI_SANDBOX_RELAXED_H
#define TUTTI_SANDBOX_RELAXED_H

#include <stdbool.h>

#if defined(__has_feature)
#define SANDBOX_HAS_FEATURE(x) __has_feature(x)
#else
#define SANDBOX_HAS_FEATURE(x) 0
#endif

static inline bool sandbox_is_relaxed(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    SANDBOX_HAS_FEATURE(address_sanitizer) || SANDBOX_HAS_FEATURE(thread_sanitizer) || \
    SANDBOX_HAS_FEATURE(memory_sanitizer)
    return true;
#else
    return false;
#endif
}

#endif
