/* What the programs need of Windows, in the words of POSIX where it can be. */

#ifndef WXSUB_TEST_ON_WINDOWS_H
#define WXSUB_TEST_ON_WINDOWS_H

#include <winsock2.h>
#include <ws2tcpip.h>

#define MSG_NOSIGNAL 0

/* Left over from 16 bits. */
#undef far
#undef near

/* Before main: Windows has no sockets until somebody asks for them. */
__attribute__((constructor)) static void start_sockets(void) {
  WSADATA about;
  WSAStartup(MAKEWORD(2, 2), &about);
}

#endif
