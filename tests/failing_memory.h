// An allocator that fails once: the C library's own functions, replaced. For programs of one
// thread; the sanitizers have allocators of their own, and no room for this one.

#ifndef TUTTI_TESTS_FAILING_MEMORY_H
#define TUTTI_TESTS_FAILING_MEMORY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

// While `watched`: how many allocations are to go well before one fails, and how many were made and
// not freed.
static bool watched;
static long until_failure, live;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t each);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

static bool denied(void)
{
    if (!watched || until_failure-- != 0)
        return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *memory)
{
    live += watched && memory != NULL;
    return memory;
}

// The C library's own calls come here, too.
void *malloc(size_t bytes)
{
    return denied() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t each)
{
    return denied() ? NULL : counted(__libc_calloc(count, each));
}

void *realloc(void *old, size_t bytes)
{
    if (denied())
        return NULL;
    return old == NULL ? counted(__libc_malloc(bytes)) : __libc_realloc(old, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    void *made = denied() ? NULL : counted(__libc_memalign(alignment, bytes));
    if (made == NULL)
        return ENOMEM;
    *memory = made;
    return 0;
}

void free(void *memory)
{
    live -= watched && memory != NULL;
    __libc_free(memory);
}

#endif
