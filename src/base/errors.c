#include "base/errors.h"

#include <stddef.h>

static const struct {
    const char *wire;
    const char *text;
} errors[TUTTI_ERROR_COUNT] = { [TUTTI_OK] = { "ok", "no error" },
#define X(name, wire_name, sentence) [TUTTI_E_##name] = { wire_name, sentence },
                                TUTTI_ERRORS(X)
#undef X
};

static const char *const warnings[TUTTI_WARNING_COUNT] = { [TUTTI_W_NONE] = "none",
#define X(name, wire_name) [TUTTI_W_##name] = wire_name,
                                                           TUTTI_WARNINGS(X)
#undef X
};

static size_t error_index(enum tutti_error code)
{
    return (unsigned)code < TUTTI_ERROR_COUNT ? (size_t)code : (size_t)TUTTI_E_INTERNAL;
}

const char *error_wire_name(enum tutti_error code)
{
    return errors[error_index(code)].wire;
}

const char *error_text(enum tutti_error code)
{
    return errors[error_index(code)].text;
}

const char *warning_wire_name(enum tutti_warning code)
{
    return (unsigned)code < TUTTI_WARNING_COUNT ? warnings[code] : warnings[TUTTI_W_NONE];
}
