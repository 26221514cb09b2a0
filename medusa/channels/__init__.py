"""Where posts go: chats as the owner names them, what holds there, and the rules that choose one."""
