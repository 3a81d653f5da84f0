"""Pages: home, fleet, bot, promotion, holds, audit."""
