// What C and C++ write differently, for the public headers: each compiles alone as either.
//
// Of all of them: where nothing is said of context, a call keeps nothing behind the caller's back
// and may be made from any thread, on objects that nobody else uses meanwhile. What a pointer leads
// to is the caller's, unless said otherwise, and is not NULL.

#ifndef TUTTI_LANGUAGE_H
#define TUTTI_LANGUAGE_H

// Around declarations of functions, which are C's.
#ifdef __cplusplus
#define TT_C_BEGIN extern "C" {
#define TT_C_END }
#else
#define TT_C_BEGIN
#define TT_C_END
#endif

#define TT_NORETURN __attribute__((noreturn)) // before a declaration: the call never returns
#define TT_ALIGNED(bytes) __attribute__((aligned(bytes)))

#endif
