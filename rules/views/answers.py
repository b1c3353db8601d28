"""How a POST of the rules' pages is answered."""

from stratum.lib.answers import done as done
