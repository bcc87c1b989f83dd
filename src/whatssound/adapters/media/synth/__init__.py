"""The demo's music and covers, made of arithmetic: instruments, room, pieces, pictures."""
