// First, so that what liburing asks of it comes too late: the C library is to look as Swift sees it elsewhere.
#include <features.h>

#include <liburing.h>
