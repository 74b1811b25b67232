;; error: 2:19 gpu-passes not allowed in compilation-cpu
(compilation-cpu (gpu-passes (pass convert-gpu-to-rocdl)))
