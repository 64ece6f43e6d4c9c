// The numbers of zip files (PKWARE's APPNOTE 6.3) that reading and writing share.

#ifndef TUTTI_AI_FILE_ZIP_H
#define TUTTI_AI_FILE_ZIP_H

#define TT_ZIP_LOCAL 0x04034b50u   // a member's header, before its bytes
#define TT_ZIP_CENTRAL 0x02014b50u // the same again, in the directory
#define TT_ZIP_END 0x06054b50u
#define TT_ZIP_END_64 0x06064b50u
#define TT_ZIP_LOCATOR_64 0x07064b50u // where that is

#define TT_ZIP_LOCAL_BYTES 30 // and the other fixed parts
#define TT_ZIP_CENTRAL_BYTES 46
#define TT_ZIP_END_BYTES 22
#define TT_ZIP_END_64_BYTES 56
#define TT_ZIP_LOCATOR_64_BYTES 20

#define TT_ZIP_EXTRA_64 1 // the extra field with sizes of 64 bits
#define TT_ZIP_ENCRYPTED 1
#define TT_ZIP_UTF8 0x800 // flag: the name is UTF-8

#define TT_NPZ_SUFFIX ".npy"

#endif
