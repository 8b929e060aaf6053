/* Unix sockets on which an engine waits for a descriptor. */
#ifndef SOCKETS_H
#define SOCKETS_H

/* A descriptor connected to the socket at an absolute path, or a negative errno. */
int socket_connect(const char *path);

/* One message: `name` and the descriptor. 0 or an errno. */
int send_descriptor(int socket, const char *name, int fd);

#endif
