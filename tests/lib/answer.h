/* The head of an answer from a text of lines. */
#ifndef TUTTI_TESTS_ANSWER_H
#define TUTTI_TESTS_ANSWER_H

#include "fetch/response.h"

#include <string.h>

static inline struct response answer(const char *head)
{
    struct response r;
    response_init(&r);
    while (*head) {
        size_t len = strcspn(head, "\n");
        response_take_line(&r, head, len);
        head += len + (head[len] == '\n');
    }
    return r;
}

#endif
