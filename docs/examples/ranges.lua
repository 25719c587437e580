-- ranges.lua: exactly these offsets, whatever the command line says
tranche.source {
    ranges = {
      { "some-topic", 0, 110, 220 },
      { "another-topic", 0, 456, 789 },
    },
  }
  :count()
  :print()
